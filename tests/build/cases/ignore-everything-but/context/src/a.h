a.h
