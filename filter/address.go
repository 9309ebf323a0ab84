package filter

import "strings"

// address drops texts that are a web or mail address and nothing else: a text
// without white space that begins with a scheme or www., or has an at sign with
// something before it and a point within what is behind.
func address(enabled bool) Rule[Text] {
	return Rule[Text]{Name: "address",
		Drop:   func(t *Text) bool { return enabled && isAddress(t.Text) },
		Detail: func(*Text) string { return "the text is an address" }}
}

func isAddress(text string) bool {
	text = strings.TrimSpace(text)
	if strings.ContainsAny(text, " \t\n\r\f\v") {
		return false
	}
	for _, prefix := range []string{"http://", "https://", "ftp://", "www."} {
		if len(text) > len(prefix) && strings.EqualFold(text[:len(prefix)], prefix) {
			return true
		}
	}
	user, host, found := strings.Cut(text, "@")
	if !found || user == "" || strings.Contains(host, "@") {
		return false
	}
	return len(host) > 2 && strings.IndexByte(host[1:len(host)-1], '.') >= 0
}
