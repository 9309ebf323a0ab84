package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/pairloom/pairloom/cmd/pairloom/config"
	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/pipeline"
	"github.com/spf13/cobra"
)

func newInit(g *global) *cobra.Command {
	var contact, preset string
	var seeds, set []string
	c := &cobra.Command{
		Use: "init [FOLDER]", Short: "Make a folder with a configuration",
		Long: `Make a folder with a pairloom.yaml that holds every key with its default and a
line of comment. A configuration that is there is never overwritten.

--preset takes the rules of a published dataset (pairloom presets lists them);
--set goes over it.`,
		Example: `  pairloom init cats --seed https://example.org/cats/ --contact mailto:you@example.org
  pairloom init lists --contact mailto:you@example.org    # to import a list: no seeds
  pairloom init dogs --preset datacomp-basic`,
		Args: optionalArgument("the folder to make"), ValidArgsFunction: folders,
		RunE: func(_ *cobra.Command, args []string) error {
			dir := g.dir
			if len(args) > 0 && filepath.IsAbs(args[0]) {
				dir = args[0]
			} else if len(args) > 0 {
				dir = filepath.Join(dir, args[0])
			}
			values := map[string]string{}
			if whole, err := filepath.Abs(dir); err == nil {
				values["about.name"] = yamlText(filepath.Base(whole))
			}
			if preset != "" {
				p, err := pipeline.FindPreset(preset)
				if err != nil {
					return &exitError{exitConfiguration, fmt.Errorf("--preset: %w", err)}
				}
				maps.Copy(values, p.Values())
			}
			if contact != "" {
				values["gate.contact"] = yamlText(contact)
			}
			if len(seeds) > 0 {
				values["crawl.seeds"] = yamlList(seeds)
			}
			for _, kv := range set {
				key, value, ok := strings.Cut(kv, "=")
				if !ok {
					return &exitError{exitConfiguration, fmt.Errorf("--set %s: want KEY=VALUE, such as crawl.max_pages=1000", kv)}
				}
				values[key] = value
			}
			path, err := writeConfiguration(dir, values)
			if err != nil {
				return err
			}
			cfg, err := config.Load(path)
			if err != nil {
				return err
			}
			missing := []string{}
			if len(cfg.Crawl.Seeds) == 0 {
				missing = append(missing, "your pages in crawl.seeds")
			}
			if cfg.Gate.Contact == "" {
				missing = append(missing, "yourself in gate.contact")
			}
			if g.json {
				return g.printJSON(map[string]any{"configuration": path, "missing": missing})
			}
			left := "go on with"
			if len(missing) > 0 {
				left = "name " + strings.Join(missing, " and ") + ", then"
			}
			fmt.Fprintf(g.stdout, "wrote %s; %s: pairloom run -C %s\n", path, left, dir)
			return nil
		},
	}
	c.Flags().StringVar(&contact, "contact", "", "who answers for the crawl: mailto: or https: `address`")
	c.Flags().StringArrayVar(&seeds, "seed", nil, "first `URL` to crawl; may be repeated")
	c.Flags().StringVar(&preset, "preset", "", "`NAME` of a published dataset whose rules to take")
	c.Flags().StringArrayVar(&set, "set", nil, "`KEY=VALUE` to write instead of a default, the value as YAML; may be repeated")
	_ = c.RegisterFlagCompletionFunc("set", completeKeys) // the flags are there
	_ = c.RegisterFlagCompletionFunc("preset", completePresets)
	return c
}

// completeKeys offers the keys of the configuration, and after one's = its
// choices.
func completeKeys(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	var list []string
	for _, k := range config.Keys() {
		switch assigned := k.Path + "="; {
		case strings.HasPrefix(assigned, typed):
			list = append(list, cobra.CompletionWithDesc(assigned, k.Doc))
		case strings.HasPrefix(typed, assigned):
			for _, choice := range k.Choices {
				list = append(list, assigned+choice)
			}
		}
	}
	return list, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
}

// writeConfiguration writes a new configuration with the given values.
func writeConfiguration(dir string, values map[string]string) (string, error) {
	path := filepath.Join(dir, config.FileName)
	if _, err := os.Stat(path); err == nil {
		return "", &exitError{exitConfiguration, fmt.Errorf("%s is there already; edit it, or choose another folder", path)}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", &exitError{exitStorage, fmt.Errorf("look for %s: %w", path, err)}
	}
	text := config.Template(values)
	if err := config.Check(path, text, values); err != nil {
		return "", &exitError{exitConfiguration, err}
	}
	if err := atomicfile.WriteFile(path, text); err != nil {
		return "", &exitError{exitStorage, err}
	}
	return path, nil
}

// yamlText and yamlList write values for Template.
func yamlText(s string) string { return fmt.Sprintf("%q", s) }

func yamlList(list []string) string {
	text := "["
	for i, s := range list {
		if i > 0 {
			text += ", "
		}
		text += yamlText(s)
	}
	return text + "]"
}
