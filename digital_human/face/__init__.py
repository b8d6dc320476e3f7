"""Avatar bundles, the animation that moves them and the renderers that draw them."""
