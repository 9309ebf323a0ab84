package alttext

import (
	"bytes"
	"math"
	"strconv"
)

// source is one image candidate string of a srcset.
type source struct {
	url     []byte
	width   float64 // pixels, 0 when unknown
	density float64 // 1 when unstated
}

// larger compares: a width outweighs any density, for only with widths are
// sizes known.
func (c source) larger(than source) bool {
	return c.width > than.width || c.width == than.width && c.density > than.density
}

// maxSources bounds what is looked at in one srcset; pages that people made
// have fewer than forty.
const maxSources = 1024

// nextSource reads the next valid candidate of a srcset by the HTML standard's
// own state machine, 4.8.4.2.10: a comma may be part of an address, and of what
// stands in parentheses. It reports false at the end.
func nextSource(s []byte) (c source, rest []byte, ok bool) {
	for {
		for len(s) > 0 && (isSpace(s[0]) || s[0] == ',') {
			s = s[1:]
		}
		if len(s) == 0 {
			return source{}, nil, false
		}
		end := 0
		for end < len(s) && !isSpace(s[end]) {
			end++
		}
		c = source{url: s[:end], density: 1}
		s = s[end:]
		if bytes.HasSuffix(c.url, []byte(",")) {
			c.url = bytes.TrimRight(c.url, ",")
			return c, s, true
		}
		var valid bool
		if s, valid = c.descriptors(s); valid {
			return c, s, true
		}
	}
}

// descriptors reads up to the comma that ends a candidate, and tells whether
// the candidate is valid.
func (c *source) descriptors(s []byte) (rest []byte, valid bool) {
	var d descriptors
	valid = true
	parentheses, start := false, -1
	for i := 0; ; i++ {
		end := i == len(s)
		switch {
		case !end && parentheses:
			parentheses = s[i] != ')'
			continue
		case end || s[i] == ',' || isSpace(s[i]):
			if start >= 0 {
				valid = d.read(c, s[start:i]) && valid
				start = -1
			}
			if end {
				return nil, valid && (!d.height || d.width)
			}
			if s[i] == ',' {
				return s[i+1:], valid && (!d.height || d.width)
			}
		default:
			if start < 0 {
				start = i
			}
			parentheses = s[i] == '('
		}
	}
}

// descriptors are those that a candidate has so far.
type descriptors struct{ width, density, height bool }

func (d *descriptors) read(c *source, word []byte) bool {
	number, unit := string(word[:len(word)-1]), word[len(word)-1]
	switch unit {
	case 'w', 'h':
		n, err := strconv.ParseUint(number, 10, 31)
		if err != nil || n == 0 || d.density {
			return false
		}
		if unit == 'h' {
			again := d.height
			d.height = true
			return !again
		}
		if d.width {
			return false
		}
		d.width, c.width = true, float64(n)
	case 'x':
		f, err := strconv.ParseFloat(number, 64)
		if err != nil || f < 0 || math.IsInf(f, 0) || math.IsNaN(f) || d.width || d.density || d.height {
			return false
		}
		d.density, c.density = true, f
	default:
		return false
	}
	return true
}
