package filter

import (
	"regexp"
	"strings"
)

// fileNamePattern is one run of characters without space that ends in a picture
// file's extension, or a camera's or screenshot's numbered name.
var fileNamePattern = regexp.MustCompile(`(?i)^(\S+\.(jpe?g|png|gif|webp|bmp|tiff?|svg|avif|heic|ico)|(img|dsc[nf]?|dscf|pict|image|photo|screenshot|screen shot|untitled)[-_ ]?\d[-_ \d.]*)$`)

// longestExtension is the most bytes from a file name's last point to its end.
const longestExtension = 5

// fileName drops texts that are the name of a file.
func fileName(enabled bool) Rule[Text] {
	return Rule[Text]{"file_name",
		func(t *Text) bool { return enabled && mayBeFileName(t.Text) && fileNamePattern.MatchString(t.Text) },
		func(*Text) string { return "the text is a file name" }}
}

// mayBeFileName spares most texts the pattern: a file's name has a point near its
// end, a camera's ends in a digit or in what stands between digits.
func mayBeFileName(text string) bool {
	if text == "" {
		return false
	}
	return strings.IndexByte(text[max(0, len(text)-longestExtension):], '.') >= 0 ||
		strings.IndexByte("0123456789-_ ", text[len(text)-1]) >= 0
}
