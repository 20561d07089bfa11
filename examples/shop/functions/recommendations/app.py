"""Tells what people buy together, from the baskets of the last weeks."""

from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field
from shopkit import answer


class Question(BaseModel):
    """Baskets (lists of products) and the product whose company is asked for."""

    sku: str
    baskets: list[list[str]]
    limit: int = Field(default=5, gt=0)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    question = Question.model_validate_json(event.get("body") or "{}")
    similar = bought_together(question.baskets)
    if question.sku not in similar.index:
        return answer(404, {"error": f"nobody bought {question.sku}"})
    nearest = similar[question.sku].drop(question.sku).nlargest(question.limit)
    return answer(200, {sku: round(float(score), 3) for sku, score in nearest.items() if score > 0})


def bought_together(baskets: list[list[str]]) -> pd.DataFrame:
    """Cosine similarity of products, by the baskets in which they lie."""
    rows = [(number, sku) for number, basket in enumerate(baskets) for sku in set(basket)]
    frame = pd.DataFrame(rows, columns=["basket", "sku"])
    held = pd.crosstab(frame["basket"], frame["sku"])
    matrix = held.to_numpy(dtype=np.float64)
    norms = np.linalg.norm(matrix, axis=0)
    return pd.DataFrame(matrix.T @ matrix / np.outer(norms, norms), index=held.columns, columns=held.columns)
