"""Figures about the engine, each from one command; `command.py` lists them. No part of a render."""
