"""Files that strangers supply are read in a child process, whose memory and computing time have a bound.

What takes more costs one file: the child ends, the parent notes the file, and the next child goes on behind it.
"""
