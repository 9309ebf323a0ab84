package gate

import (
	"net/http"
	"sync"
)

// keptFailures is how many requests may fail before the connections are begun anew.
const keptFailures = 16384

// road is what requests travel by. net/http's Transport keeps the last request to each
// host to which no connection came about, with all that its context holds, until
// the host is asked again: of a list with many dead hosts that is more and more. So
// it is replaced now and then by one like it; what is under way on the old one comes
// to its end there.
type road struct {
	mu     sync.Mutex
	now    *http.Transport
	failed int // requests on it
	most   int // of these
}

func newRoad(t *http.Transport) *road { return &road{now: t, most: keptFailures} }

// RoundTrip implements [http.RoundTripper].
func (r *road) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	t := r.now
	r.mu.Unlock()
	resp, err := t.RoundTrip(req)
	if err != nil {
		r.fail(t)
	}
	return resp, err
}

// fail counts a request that failed on t.
func (r *road) fail(t *http.Transport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t != r.now {
		return
	}
	if r.failed++; r.failed < r.most {
		return
	}
	r.now, r.failed = t.Clone(), 0
	t.CloseIdleConnections()
}

func (r *road) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now.CloseIdleConnections()
}
