"""How do the values of a store change their shape, all or none, and come back without a loss?"""
