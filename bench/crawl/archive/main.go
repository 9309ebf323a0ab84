// Command archive makes what bench/crawl/archive/run.sh measures on, and measures
// pairloom's side of it.
package main

import (
	"fmt"
	"os"
)

const usage = `usage: archive serve FOLDER            offer the pages below a folder on loopback
       archive measure FILE [PROFILE]  read a WARC or WAT on one processor
       archive candidates FILE         print what is found, to compare two builds
       archive wat WARC.gz WAT.gz      write a WAT in Common Crawl's form
`

func main() {
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 2 && args[0] == "serve":
		err = serve(args[1])
	case len(args) == 2 && args[0] == "measure":
		err = measure(args[1], "")
	case len(args) == 3 && args[0] == "measure":
		err = measure(args[1], args[2])
	case len(args) == 2 && args[0] == "candidates":
		err = candidates(args[1])
	case len(args) == 3 && args[0] == "wat":
		err = writeWAT(args[1], args[2])
	default:
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "archive:", err)
		os.Exit(1)
	}
}
