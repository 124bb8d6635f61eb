"""The models behind the loop: VQGAN, CLIP, loading, devices."""
