"""What people and programs may ask of octyseg, each question once: the HTTP API and the verbs ask here.

Every function takes an Access and gives plain values in the shape in which the API and `-o json` show them.
"""
