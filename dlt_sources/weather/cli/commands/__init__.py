"""The commands, a module each: options, the call of the layer that does the work, and what is printed.

May import every folder of the package below ``cli``, and the modules of ``cli`` that commands share.
"""
