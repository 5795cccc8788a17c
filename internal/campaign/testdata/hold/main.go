// Command hold begins a file, keeps it open until its input ends, and ends it then.
package main

import (
	"io"
	"log"
	"os"
)

func main() {
	f, err := os.Create(os.Args[1])
	if err == nil {
		_, err = f.WriteString("first\n")
	}
	if err == nil {
		_, err = io.Copy(io.Discard, os.Stdin)
	}
	if err == nil {
		_, err = f.WriteString("last\n")
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		log.Fatal(err)
	}
}
