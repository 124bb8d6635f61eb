"""What the paper compared: the same prompts painted by several systems, and the time that it took.

The paper is Crowson, Biderman et al. (2022): Sections 3.2 and 6.2, Appendices E and F.
"""
