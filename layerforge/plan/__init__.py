"""Lock -> LayerPlan. Pure."""
