"""Checks of models by pictures that the program draws itself: are the weights the right ones?"""
