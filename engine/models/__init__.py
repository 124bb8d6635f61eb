"""The models of the optimization loop: VQGAN and CLIP, their loading, and devices."""
