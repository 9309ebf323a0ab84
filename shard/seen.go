package shard

import (
	"net/url"
	"strings"
	"unsafe"
)

// Seen is what remains of a pair that a model was trained on: enough to tell later that
// the model knows the pair, its picture or one that looks like it, and whose they were.
// It holds neither the text nor the picture, so that it may outlive both.
type Seen struct {
	PairID      uint64
	ImageID     uint64
	PageHost    string // lower case, without a port; "" for an address that has none
	ImageHost   string
	PictureHash uint64 // 0 when it is not known
	PHash       uint64
	Generation  uint32 // of its dataset, with which the pair came
}

// SeenColumns are the columns of [Pair] that SeenOf reads.
var SeenColumns = []string{"pair_id", "page_url", "image_url", "picture_hash", "phash"}

// SeenOf is what remains of a pair of that generation.
func SeenOf(p *Pair, generation int) Seen {
	return Seen{p.PairID, ImageID(p.ImageURL), hostOf(p.PageURL), hostOf(p.ImageURL), p.PictureHash, p.PHash, uint32(generation)}
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

var seenColumns = []column{
	{"pair_id", kindUint64, unsafe.Offsetof(Seen{}.PairID), 0},
	{"image_id", kindUint64, unsafe.Offsetof(Seen{}.ImageID), 0},
	{"page_host", kindString, unsafe.Offsetof(Seen{}.PageHost), 0},
	{"image_host", kindString, unsafe.Offsetof(Seen{}.ImageHost), 0},
	{"picture_hash", kindUint64, unsafe.Offsetof(Seen{}.PictureHash), 0},
	{"phash", kindUint64, unsafe.Offsetof(Seen{}.PHash), 0},
	{"generation", kindUint32, unsafe.Offsetof(Seen{}.Generation), 0},
}

var seenLayout = layout{seenColumns, 4096, true}
