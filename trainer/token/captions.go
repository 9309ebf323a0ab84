package token

// Captions are texts as tokens, end to end: caption i is
// Tokens[Offsets[i]:Offsets[i+1]] and ends with the end token.
type Captions struct {
	Tokens  []int32
	Offsets []int32
}

// Len is the number of captions.
func (c *Captions) Len() int { return max(0, len(c.Offsets)-1) }

// Append adds one caption that is encoded already.
func (c *Captions) Append(tokens []int32) {
	c.begin()
	c.Tokens = append(c.Tokens, tokens...)
	c.Offsets = append(c.Offsets, int32(len(c.Tokens)))
}

// Add encodes text and adds it, cut to context tokens.
func (c *Captions) Add(e *Encoder, text string, context int) {
	c.begin()
	c.Tokens = e.Append(c.Tokens, text, context)
	c.Offsets = append(c.Offsets, int32(len(c.Tokens)))
}

func (c *Captions) begin() {
	if len(c.Offsets) == 0 {
		c.Offsets = append(c.Offsets, 0)
	}
}

// Reset empties c and keeps its memory.
func (c *Captions) Reset() { c.Tokens, c.Offsets = c.Tokens[:0], c.Offsets[:0] }
