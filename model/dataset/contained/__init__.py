"""Reads files from strangers in a child process, whose memory and CPU time are limited.

A file that exceeds a limit costs no other file. The child ends, the parent notes the file, and the next child goes on
behind the file.
"""
