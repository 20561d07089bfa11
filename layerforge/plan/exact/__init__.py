"""How good a plan is: a bound below which no plan can cost. Needs `layerforge[exact]`."""
