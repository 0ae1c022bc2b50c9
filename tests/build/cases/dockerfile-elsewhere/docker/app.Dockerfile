FROM localhost/base:1
COPY . /x/
