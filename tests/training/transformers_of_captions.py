"""Small captioners with a transformer that tests share."""

from __future__ import annotations

from typing import Any

from tests.training.captions import model_of


def transformer_of(**options: Any) -> dict[str, Any]:
    small = {key: value for key, value in model_of().items() if key not in ("_target_", "hidden")}
    sizes = {"width": 8, "layers": 2, "heads": 2, "hidden": 16, "prefix": 3}
    return {"_target_": "telltale.models.transformer_captioner.TransformerCaptioner", **small, **sizes, **options}
