package fetch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/crawl/optout"
	"github.com/pairloom/pairloom/shard"
)

// Setting is what of the settings decided when a picture was refused, by the Status
// and OptOut of its row: keys and values on one line, to be compared later; "" where
// no setting decides. Which wishes are obeyed is in the row itself.
func Setting(row *shard.Image, o gate.Options) string {
	switch row.Status {
	case OptOut:
		if withoutFiles(row.OptOut) != row.OptOut {
			return fmt.Sprintf("gate.policies: %v", o.Policies)
		}
	case gate.AddressRefused, gate.PortRefused:
		return "gate.allow_addresses: " + list(o.AllowAddresses)
	case gate.TooLarge:
		return fmt.Sprintf("gate.max_picture_bytes: %d", o.MaxPictureBytes)
	case gate.TooManyRedirects:
		return fmt.Sprintf("gate.max_redirects: %d", o.MaxRedirects)
	case gate.RobotsDisallowed: // the rules for our name, if any
		if !slices.Contains(o.Respect, gate.RespectRobots) {
			return "gate.respect: without " + gate.RespectRobots
		}
		return "gate.user_agent: " + o.UserAgent
	}
	return ""
}

// list writes a list's values so that their order does not matter.
func list(values []string) string {
	if len(values) == 0 {
		return "none"
	}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return strings.Join(slices.Compact(sorted), ", ")
}

// Reconsider tells whether the outcome of row, as it was, is no longer what the
// settings ask for: the setting that refused the picture is another now (a picture that is kept while the
// files of wishes are not asked for waits for its next visit), a wish that
// was obeyed no longer is, or one that was only recorded is obeyed now, or the
// picture has more bytes than it may. Of row it reads Status, Setting, OptOut and
// OriginalBytes. A refusal of a version that did not record the setting counts as of
// another one.
func Reconsider(row *shard.Image, o gate.Options) bool {
	switch row.Status {
	case "":
		return row.OriginalBytes > o.MaxPictureBytes || obeyed(row.OptOut, o.Respect)
	case OptOut:
		words := row.OptOut
		if !o.Policies && row.Setting != Setting(row, o) {
			words = withoutFiles(words)
		}
		return row.OptOut != "" && !obeyed(words, o.Respect)
	}
	return row.Setting != Setting(row, o)
}

// withoutFiles is an opt-out verdict without the words that may be of ai.txt or
// tdmrep.json, which are not asked for without gate.policies.
func withoutFiles(verdict string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(verdict, ","), func(word string) bool {
		return word == optout.AITxt || word == optout.TDMReservation
	}), ",")
}

// obeyed tells whether one of the words of an opt-out verdict is in respect.
func obeyed(verdict string, respect []string) bool {
	for word := range strings.SplitSeq(verdict, ",") {
		if word != "" && slices.Contains(respect, word) {
			return true
		}
	}
	return false
}
