package filter

import (
	"regexp"
	"slices"
	"strings"
)

// fileNamePattern is one run of characters without space that ends in a picture
// file's extension, or a camera's or screenshot's numbered name.
var fileNamePattern = regexp.MustCompile(`(?i)^(\S+\.(jpe?g|png|gif|webp|bmp|tiff?|svg|avif|heic|ico)|(img|dsc[nf]?|dscf|pict|image|photo|screenshot|screen shot|untitled)[-_ ]?\d[-_ \d.]*)$`)

// fileName drops texts that are the name of a file.
func fileName(enabled bool) Rule[Text] {
	return Rule[Text]{Name: "file_name",
		Drop:   func(t *Text) bool { return enabled && mayBeFileName(t.Text) && fileNamePattern.MatchString(t.Text) },
		Detail: func(*Text) string { return "the text is a file name" }}
}

// numbered are the words that a camera's or screenshot's name begins with.
var numbered = []string{"img", "dsc", "pict", "image", "photo", "screenshot", "screen shot", "untitled"}

// mayBeFileName spares most texts the pattern.
func mayBeFileName(text string) bool {
	if strings.IndexByte(text, ' ') < 0 && strings.LastIndexByte(text, '.') > 0 {
		return true
	}
	return slices.ContainsFunc(numbered, func(word string) bool {
		return len(text) > len(word) && strings.EqualFold(text[:len(word)], word)
	})
}
