package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Printf("hello %s, I am %d\n", os.Args[1], os.Getuid())
}
