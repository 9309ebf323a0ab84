package crawl

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pairloom/pairloom/crawl/frontier"
	"github.com/pairloom/pairloom/crawl/gate"
)

// settings are the options that decide which pages belong to a crawl.
type settings struct {
	Seeds, Hosts []string
	Scope        string
	MaxHops      int
}

// apply holds the settings against those of the runs before: what another scope
// leaves out is forgotten, and what a setting decided that has changed since is
// asked for again.
func (c *crawler) apply(seeds []string) error {
	text, err := json.Marshal(settings{c.o.Seeds, c.o.Hosts, c.o.Scope, c.o.MaxHops})
	if err != nil {
		return err
	}
	err = c.changed("scope", string(text), func(old string) error {
		if old == "" {
			return nil
		}
		return c.frontier.Rejudge(c.scope.judge, OutOfScope)
	})
	if err != nil {
		return err
	}
	for _, d := range deciding(c.o, c.job.Manners) {
		err := c.changed(d.key, d.value, func(old string) error { return c.frontier.Recall(d.refused(old)) })
		if err != nil {
			return err
		}
	}
	return c.job.Refusals.apply(c.frontier)
}

// changed calls do when a setting is not the one that the file was last brought
// in line with, and notes it then.
func (c *crawler) changed(key, value string, do func(old string) error) error {
	return changed(c.frontier, key, value, do)
}

func changed(f *frontier.Frontier, key, value string, do func(old string) error) error {
	old, err := f.Setting(key)
	if err != nil || old == value {
		return err
	}
	if err := do(old); err != nil {
		return err
	}
	return f.SetSetting(key, value)
}

// decider is a setting by which pages are decided.
type decider struct {
	key, value string
	refused    func(old string) frontier.Refused
}

// cutOff begins the rule of a page of which only the beginning was read.
const cutOff = "cut off at gate.max_page_bytes"

// deciding lists them.
func deciding(o Options, g gate.Options) []decider {
	reasons := func(list ...string) func(string) frontier.Refused {
		return func(string) frontier.Refused { return frontier.Refused{Reasons: list} }
	}
	return []decider{
		{"gate.allow_addresses", setOf(g.AllowAddresses), reasons(gate.AddressRefused, gate.PortRefused)},
		{"gate.respect", setOf(g.Respect), func(old string) frontier.Refused {
			return frontier.Refused{
				Reasons: []string{gate.RobotsDisallowed, gate.RobotsUnreachable, OptedOut},
				OptOuts: old != "",
				// What robots.txt says of pages that were read is known only to a request.
				Read: old != "" && !slices.Contains(strings.Fields(old), gate.RespectRobots) && slices.Contains(g.Respect, gate.RespectRobots),
			}
		}},
		{"gate.policies", fmt.Sprint(g.Policies), func(old string) frontier.Refused {
			// What the files say of pages that were read is known only to a request.
			return frontier.Refused{Reasons: []string{OptedOut}, Read: old == "false"}
		}},
		{"gate.user_agent", g.UserAgent, reasons(gate.RobotsDisallowed, OptedOut)},
		{"gate.robots_max_bytes", fmt.Sprint(g.RobotsMaxBytes), reasons(gate.RobotsDisallowed)},
		{"gate.max_redirects", fmt.Sprint(g.MaxRedirects), reasons(gate.TooManyRedirects)},
		{"gate.max_page_bytes", fmt.Sprint(g.MaxPageBytes), func(string) frontier.Refused { return frontier.Refused{Rules: []string{cutOff}} }},
		{"crawl.max_per_host", fmt.Sprint(o.MaxPerHost), reasons(HostCap)},
	}
}

// setOf spells a list whose order says nothing; never "".
func setOf(list []string) string {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return strings.Join(sorted, " ") + " "
}

// passing are the reasons for which the next run asks again.
func passing() []string {
	return []string{gate.RobotsUnreachable, gate.HostBusy, gate.Timeout, gate.DNS, gate.ConnectionReset, gate.ConnectionRefused, gate.NetworkError,
		"http_408", "http_425", "http_429", "http_500", "http_502", "http_503", "http_504"}
}
