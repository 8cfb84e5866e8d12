"""Serve a classifier as Telltale asks it: POST /predict {"inputs": […]} is answered by {"outputs": […]}.

    pip install fastapi uvicorn scikit-learn
    uvicorn serve_fastapi:app --port 8000

The protocol is docs/http_target.md. Replace `predict` by your own model: all else stays.
"""

from __future__ import annotations

import numpy as np
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier

MOST = 1000  # records a request

digits = load_digits()
forest = RandomForestClassifier(100, random_state=0).fit(digits.data[:600], digits.target[:600])
app = FastAPI()


class Question(BaseModel):
    """Records, as rows of numbers."""

    inputs: list[list[float]]


class Answer(BaseModel):
    """A row of class probabilities for each record, in their order."""

    outputs: list[list[float]]


def predict(inputs: np.ndarray) -> np.ndarray:
    """Return class probabilities: (records, features) -> (records, classes)."""
    return forest.predict_proba(inputs)


@app.post("/predict")
def answer(question: Question) -> Answer:
    """Answer about a batch of records; too many are refused with a state that says so."""
    if len(question.inputs) > MOST:
        raise HTTPException(413, f"at most {MOST} records a request")
    return Answer(outputs=predict(np.array(question.inputs)).tolist())
