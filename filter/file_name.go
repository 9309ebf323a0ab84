package filter

import (
	"regexp"

	"github.com/pairloom/pairloom/shard"
)

// fileNamePattern is one run of characters without space that ends in a picture
// file's extension, or a camera's or screenshot's numbered name.
var fileNamePattern = regexp.MustCompile(`(?i)^(\S+\.(jpe?g|png|gif|webp|bmp|tiff?|svg|avif|heic|ico)|(img|dsc[nf]?|dscf|pict|image|photo|screenshot|screen shot|untitled)[-_ ]?\d[-_ \d.]*)$`)

// fileName drops texts that are the name of a file.
func fileName(enabled bool) Rule[shard.Candidate] {
	return Rule[shard.Candidate]{"file_name", func(c *shard.Candidate) (string, bool) {
		return "the text is a file name", enabled && fileNamePattern.MatchString(c.Text)
	}}
}
