package optout

import "strings"

// Training reads a dictionary of uses, as Content-Usage ("train-ai=n", AIPREF)
// and Content-Signal ("ai-train=no") have it. Stated is false when it says
// nothing about training. What is said of training, whole or generative, goes
// before what is said of all that machines do (bots); of a use that stands twice
// the last holds (RFC 9651, 3.2).
func Training(dictionary string) (denied, stated bool) {
	answers := map[string]bool{} // use: denied
	for member := range strings.SplitSeq(dictionary, ",") {
		member, _, _ = strings.Cut(member, ";") // parameters
		use, answer, _ := strings.Cut(member, "=")
		switch use = strings.ToLower(strings.TrimSpace(use)); use {
		case "train-ai", "ai-train", "train-genai", "bots":
			switch strings.ToLower(strings.Trim(strings.TrimSpace(answer), `"`)) {
			case "n", "no", "?0":
				answers[use] = true
			case "y", "yes", "?1":
				answers[use] = false
			}
		}
	}
	for _, use := range []string{"train-ai", "ai-train", "train-genai"} {
		answer, ok := answers[use]
		denied, stated = denied || answer, stated || ok
	}
	if !stated {
		denied, stated = answers["bots"], len(answers) > 0
	}
	return denied, stated
}
