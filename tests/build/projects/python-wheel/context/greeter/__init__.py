import os
import pwd
import sys


def main():
    print(f"hello {sys.argv[1]} from {pwd.getpwuid(os.getuid()).pw_name}")
