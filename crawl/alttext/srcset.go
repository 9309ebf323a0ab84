package alttext

import (
	"math"
	"strconv"
	"strings"
)

// source is one image candidate string of a srcset.
type source struct {
	url     string
	width   float64 // pixels, 0 when unknown
	density float64 // 1 when unstated
}

// parseSrcset follows the HTML standard's own state machine, 4.8.4.2.10: a
// comma may be part of an address, and of what stands in parentheses.
func parseSrcset(s string) []source {
	var list []source
	for {
		s = strings.TrimLeft(s, " \t\n\f\r,")
		if s == "" {
			return list
		}
		end := strings.IndexAny(s, " \t\n\f\r")
		if end < 0 {
			end = len(s)
		}
		address := s[:end]
		s = s[end:]
		var descriptors []string
		if strings.HasSuffix(address, ",") {
			address = strings.TrimRight(address, ",")
		} else {
			descriptors, s = nextDescriptors(s)
		}
		c := source{url: address, density: 1}
		if c.describe(descriptors) {
			list = append(list, c)
		}
	}
}

// nextDescriptors reads up to the comma that ends a candidate.
func nextDescriptors(s string) (words []string, rest string) {
	depth, start := 0, -1
	flush := func(end int) {
		if start >= 0 {
			words = append(words, s[start:end])
		}
		start = -1
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case depth > 0:
			if c == ')' {
				depth = 0
			}
		case c == ',':
			flush(i)
			return words, s[i+1:]
		case c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r':
			flush(i)
		default:
			if start < 0 {
				start = i
			}
			if c == '(' {
				depth = 1
			}
		}
	}
	flush(len(s))
	return words, ""
}

// describe reads the descriptors; false means that the candidate is invalid.
func (c *source) describe(words []string) bool {
	var width, density, height bool
	for _, w := range words {
		number, unit := w[:len(w)-1], w[len(w)-1]
		switch unit {
		case 'w', 'h':
			n, err := strconv.ParseUint(number, 10, 31)
			if err != nil || n == 0 || density {
				return false
			}
			if unit == 'h' {
				if height {
					return false
				}
				height = true
				continue
			}
			if width {
				return false
			}
			width, c.width = true, float64(n)
		case 'x':
			f, err := strconv.ParseFloat(number, 64)
			if err != nil || f < 0 || math.IsInf(f, 0) || math.IsNaN(f) || width || density || height {
				return false
			}
			density, c.density = true, f
		default:
			return false
		}
	}
	return !height || width
}
