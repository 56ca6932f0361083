"""How does a person converse with State in a language, line by line?"""
