package filter

import "github.com/pairloom/pairloom/shard"

// pageOptOut drops what a page's robots meta tag, headers or policy files
// exclude from use for training.
func pageOptOut(obey bool) Rule[Text] {
	return Rule[Text]{Name: "page_opt_out",
		Drop:   func(t *Text) bool { return obey && t.OptOut != "" },
		Detail: func(t *Text) string { return t.OptOut }}
}

// pictureOptOut does the same for the picture's own response.
func pictureOptOut(obey bool) Rule[shard.Image] {
	return Rule[shard.Image]{Name: "picture_opt_out",
		Drop:   func(i *shard.Image) bool { return obey && i.OptOut != "" },
		Detail: func(i *shard.Image) string { return i.OptOut }}
}
