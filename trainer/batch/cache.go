package batch

import "sync"

// cache keeps pictures and captions until its limit is reached, and keeps what it has:
// every epoch reads each pair once, so that no choice of what to evict beats another.
type cache struct {
	limit int64

	mu       sync.Mutex
	pictures map[int]*kept
	captions map[int][]int32
	bad      map[int]bool
	held     int64
}

// kept is a picture that is decoded, or one that is scaled as well.
type kept struct {
	picture
	width, height int // of the file
}

// perCaption is what a caption takes beside its tokens, in bytes.
const perCaption = 64

func newCache(limit int64) cache {
	return cache{limit: limit, pictures: map[int]*kept{}, captions: map[int][]int32{}, bad: map[int]bool{}}
}

// get says whether the row is known not to decode, and gives its picture if that is there.
func (c *cache) get(row int) (k *kept, bad bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pictures[row], c.bad[row]
}

// room tells whether there is some for a picture of so many pixels, and sets it aside.
func (c *cache) room(width, height int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := int64(3*width*height + slack)
	if c.held+n > c.limit {
		return false
	}
	c.held += n
	return true
}

func (c *cache) giveBack(width, height int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held -= int64(3*width*height + slack)
}

// put keeps k, for which room was set aside, unless another was faster.
func (c *cache) put(row int, k *kept) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.pictures[row]; there {
		c.held -= int64(len(k.rgb) + slack)
		return
	}
	c.pictures[row] = k
}

func (c *cache) putBad(row int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bad[row] = true
}

// caption is the row's tokens, or nil.
func (c *cache) caption(row int) []int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.captions[row]
}

// putCaption keeps a copy where there is room for it.
func (c *cache) putCaption(row int, tokens []int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := int64(4*len(tokens) + perCaption)
	if _, there := c.captions[row]; there || c.held+n > c.limit {
		return
	}
	c.captions[row] = append([]int32(nil), tokens...)
	c.held += n
}
