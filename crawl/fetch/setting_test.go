package fetch

import (
	"testing"

	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/crawl/optout"
	"github.com/pairloom/pairloom/shard"
)

func TestReconsider(t *testing.T) {
	first := gate.Options{Respect: []string{gate.RespectRobots, optout.NoAI}, MaxPictureBytes: 100, MaxRedirects: 5, UserAgent: "pairloom"}
	row := func(status string) shard.Image {
		row := shard.Image{Status: status}
		row.Setting = Setting(&row, first)
		return row
	}
	refusedBy := func(words string) shard.Image { return shard.Image{Status: OptOut, OptOut: words} }
	refusedWith := func(policies bool, words string) shard.Image {
		o, row := first, refusedBy(words)
		o.Policies = policies
		row.Setting = Setting(&row, o)
		return row
	}
	policies := func(on bool, respect ...string) func(*gate.Options) {
		return func(o *gate.Options) { o.Policies, o.Respect = on, respect }
	}
	kept := func(words string, bytes int64) shard.Image { return shard.Image{OptOut: words, OriginalBytes: bytes} }
	addresses := func(list ...string) func(*gate.Options) { return func(o *gate.Options) { o.AllowAddresses = list } }
	respect := func(list ...string) func(*gate.Options) { return func(o *gate.Options) { o.Respect = list } }
	for _, tt := range []struct {
		name   string
		row    shard.Image
		change func(*gate.Options)
		want   bool
	}{
		{"the address is allowed now", row(gate.AddressRefused), addresses("127.0.0.1"), true},
		{"the port is allowed now", row(gate.PortRefused), addresses("127.0.0.1:8080"), true},
		{"another setting changed", row(gate.AddressRefused), func(o *gate.Options) { o.MaxPictureBytes = 200 }, false},
		{"a larger cap", row(gate.TooLarge), func(o *gate.Options) { o.MaxPictureBytes = 200 }, true},
		{"more redirects", row(gate.TooManyRedirects), func(o *gate.Options) { o.MaxRedirects = 6 }, true},
		{"robots.txt is no longer obeyed", row(gate.RobotsDisallowed), respect(optout.NoAI), true},
		{"another name in robots.txt", row(gate.RobotsDisallowed), func(o *gate.Options) { o.UserAgent = "other" }, true},
		{"robots.txt, and another wish is obeyed", row(gate.RobotsDisallowed), respect(gate.RespectRobots), false},
		{"the wish is no longer obeyed", refusedBy("noai"), respect(gate.RespectRobots), true},
		{"another of its wishes is", refusedBy("noai,noimageai"), respect(optout.NoImageAI), false},
		{"the order of a list", row(gate.AddressRefused), addresses(), false},
		{"a wish that was recorded is obeyed now", kept("noimageai", 10), respect(optout.NoImageAI), true},
		{"one that was recorded is still not", kept("noimageai", 10), respect(), false},
		{"a picture that is too large now", kept("", 90), func(o *gate.Options) { o.MaxPictureBytes = 80 }, true},
		{"not found, whatever changed", row("http_404"), func(o *gate.Options) { *o = gate.Options{} }, false},
		{"refused before settings were recorded", shard.Image{Status: gate.AddressRefused}, func(*gate.Options) {}, true},
	} {
		now := first
		if tt.change(&now); Reconsider(&tt.row, now) != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, !tt.want, tt.want)
		}
		if same := first; tt.row.Setting != "" && Reconsider(&tt.row, same) {
			t.Errorf("%s: nothing changed, and yet it is reconsidered", tt.name)
		}
	}
	for _, tt := range []struct {
		name   string
		row    shard.Image
		change func(*gate.Options)
		want   bool
	}{
		{"the files of wishes are not asked for any more", refusedWith(true, "ai.txt"), policies(false, optout.AITxt), true},
		{"of either kind", refusedWith(true, "ai.txt,tdm-reservation"), policies(false, optout.AITxt, optout.TDMReservation), true},
		{"but its header said it too", refusedWith(true, "ai.txt,noai"), policies(false, optout.AITxt, optout.NoAI), false},
		{"refused without them", refusedWith(false, "tdm-reservation"), policies(false, optout.TDMReservation), false},
		{"refused by a header, which stays so", refusedWith(false, "tdm-reservation"), policies(true, optout.TDMReservation), false},
		{"nothing changed", refusedWith(true, "ai.txt"), policies(true, optout.AITxt), false},
		{"refused by a version that did not record it", refusedBy("ai.txt"), policies(false, optout.AITxt), true},
		{"kept, and the files are asked for from now on", kept("", 10), policies(true, optout.AITxt), false},
	} {
		now := first
		if tt.change(&now); Reconsider(&tt.row, now) != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, !tt.want, tt.want)
		}
	}
	two, other := gate.Options{AllowAddresses: []string{"10.0.0.1", "10.0.0.2"}}, gate.Options{AllowAddresses: []string{"10.0.0.2", "10.0.0.1"}}
	refused := &shard.Image{Status: gate.AddressRefused}
	if a, b := Setting(refused, two), Setting(refused, other); a != b {
		t.Errorf("%q and %q differ by order", a, b)
	}
}
