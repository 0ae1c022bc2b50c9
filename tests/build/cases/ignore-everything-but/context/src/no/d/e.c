e.c
