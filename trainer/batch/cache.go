package batch

import (
	"bytes"
	"sync"
)

// cache keeps shrunk pictures until its limit is reached, and keeps what it
// has: every epoch reads each picture once, so that no choice of what to evict
// beats another.
type cache struct {
	limit int64

	mu       sync.Mutex
	pictures map[int]*picture
	bad      map[int]bool
	held     int64
}

// get says whether the row is known, and whether it decodes.
func (c *cache) get(row int) (p *picture, ok, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bad[row] {
		return nil, false, true
	}
	p, known = c.pictures[row]
	return p, known, known
}

// put keeps a copy of p where there is room for it.
func (c *cache) put(row int, p *picture) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.pictures[row]; there || c.held+int64(len(p.rgb)) > c.limit {
		return
	}
	c.pictures[row] = &picture{p.width, p.height, bytes.Clone(p.rgb)}
	c.held += int64(len(p.rgb))
}

func (c *cache) putBad(row int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bad[row] = true
}
