"""LayerPlan -> Artifacts."""
