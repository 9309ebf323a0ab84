package cpu

// #include "kernels.h"
import "C"

import (
	"fmt"
	"sync"
	"unsafe"
)

// chosen makes sure that kernels are chosen where no device was opened.
var chosen = sync.OnceFunc(func() {
	if C.pl_chosen == nil {
		C.pl_choose(0)
	}
})

// Scan computes scores[i] = row i . query for len(scores) rows of len(query)
// words that lie end to end. It needs no device and uses the calling thread
// alone, so that several goroutines may scan parts of one file; a row's score
// does not depend on the rows beside it.
func Scan(scores, rows, query []float32) {
	if len(rows) != len(scores)*len(query) {
		panic(fmt.Sprintf("scan: %d words are not %d rows of %d", len(rows), len(scores), len(query)))
	}
	if len(rows) == 0 {
		return
	}
	chosen()
	C.pl_scan(floats(unsafe.Pointer(&scores[0])), floats(unsafe.Pointer(&rows[0])), floats(unsafe.Pointer(&query[0])), C.int64_t(len(scores)), C.int64_t(len(query)))
}
