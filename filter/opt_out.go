package filter

import "github.com/pairloom/pairloom/shard"

// pageOptOut drops what a page's robots meta tag, headers or policy files
// exclude from use for training.
func pageOptOut(obey bool) Rule[shard.Candidate] {
	return Rule[shard.Candidate]{"page_opt_out", func(c *shard.Candidate) (string, bool) {
		return c.OptOut, obey && c.OptOut != ""
	}}
}

// pictureOptOut does the same for the picture's own response.
func pictureOptOut(obey bool) Rule[shard.Image] {
	return Rule[shard.Image]{"picture_opt_out", func(i *shard.Image) (string, bool) {
		return i.OptOut, obey && i.OptOut != ""
	}}
}
