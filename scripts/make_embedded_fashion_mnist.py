"""Make the embedded Fashion-MNIST test set from Debian's package: python -m scripts.make_embedded_fashion_mnist DEB."""

from __future__ import annotations

import argparse
from pathlib import Path

from telltale.data.archives import extract
from telltale.data.artefacts import FASHION_MNIST
from telltale.data.images.fashion_mnist import EMBEDDED

LICENCE = "usr/share/doc/dataset-fashion-mnist/copyright"
HEAD = """\
fashion_mnist/t10k-{images-idx3,labels-idx1}-ubyte.gz: the 10,000 test pictures of Fashion-MNIST (Xiao, Rasul and
Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms") and their labels,
as they lie in the Debian package dataset-fashion-mnist. Taken by scripts/make_embedded_fashion_mnist.py. The
package states the licence below (Expat is the MIT licence).

"""


def main() -> None:
    """Copy the two files of the test set and the licence notice; the same package gives the same bytes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("deb", type=Path, help="dataset-fashion-mnist_0.0~git20200523.55506a9-1_all.deb")
    archive = parser.parse_args().deb
    target = EMBEDDED / "fashion_mnist"
    target.mkdir(exist_ok=True)
    members = [member for member in FASHION_MNIST.files if member.name.startswith("t10k")]
    contents = extract(archive, [*(member.path for member in members), LICENCE])
    for member in members:
        (target / member.name).write_bytes(contents[member.path])
    (EMBEDDED / "FASHION_MNIST_LICENSE.txt").write_text(HEAD + contents[LICENCE].decode(), encoding="utf-8")


if __name__ == "__main__":
    main()
