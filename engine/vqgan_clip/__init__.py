"""The optimization loop of VQGAN-CLIP (Crowson, Biderman et al., 2022) and its parts."""
