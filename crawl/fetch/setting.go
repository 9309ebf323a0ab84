package fetch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/shard"
)

// Setting is what of the settings decided when a picture was refused for reason:
// keys and values on one line, to be compared later; "" for a reason that no
// setting decides.
func Setting(reason string, o gate.Options) string {
	switch reason {
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
// settings ask for: the setting that refused the picture is another now, a wish that
// was obeyed no longer is, or one that was only recorded is obeyed now, or the
// picture has more bytes than it may. Of row it reads Status, Setting, OptOut and
// OriginalBytes. A refusal of a version that did not record the setting counts as of
// another one.
func Reconsider(row *shard.Image, o gate.Options) bool {
	switch row.Status {
	case "":
		return row.OriginalBytes > o.MaxPictureBytes || obeyed(row.OptOut, o.Respect)
	case OptOut:
		return row.OptOut != "" && !obeyed(row.OptOut, o.Respect)
	}
	return row.Setting != Setting(row.Status, o)
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
