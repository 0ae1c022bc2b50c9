#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store

@test "help_lists_commands" {
	run -0 --separate-stderr fakebuild help
	[[ $output == *"  run "*"  pull "*"  gc "* ]]
	[ -z "$stderr" ]
}

@test "no_words_is_help" {
	run -0 fakebuild
	[[ $output == Usage:* ]]
}

@test "help_of_a_command_is_its_dash_dash_help" {
	equal "$(fakebuild run --help)" "$(fakebuild help run)"
}

@test "alias_has_the_help_of_its_command" {
	equal "$(fakebuild gc --help)" "$(fakebuild prune --help)"
}

@test "unknown_command_suggests" {
	run -2 --separate-stderr fakebuild imagse
	sentence "unknown command 'imagse', did you mean 'images'?"
}

@test "unknown_option_suggests" {
	run -2 --separate-stderr fakebuild run --evn A=b base
	sentence "run: unknown option '--evn', did you mean '--env'?"
	run -2 --separate-stderr fakebuild images --whatever
	sentence "images: unknown option '--whatever'"
	run -2 --separate-stderr fakebuild images -Z
	sentence "images: unknown option '-Z'"
}

@test "missing_value_is_told" {
	run -2 --separate-stderr fakebuild run --env
	sentence "run: option '--env' needs a value: KEY[=VALUE]"
}

@test "wrong_choice_names_the_right_ones" {
	run -2 --separate-stderr fakebuild run --pull=often base
	sentence "run: option '--pull' takes missing|always|never, not 'often'"
}

@test "wrong_boolean_is_told" {
	run -2 --separate-stderr fakebuild images --quiet=perhaps
	sentence "images: option '--quiet' is true or false, not 'perhaps'"
}

@test "docker_options_that_cannot_be_say_why" {
	run -2 --separate-stderr fakebuild run -d base
	sentence "run: option '--detach' is not possible: there is no daemon to keep a command running, start it with '&'"
	run -2 --separate-stderr fakebuild run -p 80:80 base
	sentence "run: option '--publish' is not possible: the command shares the host's network and listens there itself"
}

@test "too_few_words_shows_usage" {
	run -2 --separate-stderr fakebuild tag one
	sentence "tag: too few words, usage: fakebuild tag IMAGE NAME[:TAG]"
}

@test "a_full_disk_is_a_failure" {
	[ -w /dev/full ] || skip "no /dev/full"
	run -125 --separate-stderr bash -c 'fakebuild help >/dev/full'
	sentence "cannot write to standard output: No space left on device"
}

@test "closed_descriptors_are_no_harm" {
	run -0 bash -c 'fakebuild version <&- 2>&-'
	run -0 bash -c 'fakebuild help >&-; true'
}

@test "bash_completion_is_a_script_that_completes" {
	fakebuild completion bash >"$BATS_TEST_TMPDIR/completion"
	run -0 bash -c 'source "$1"; COMP_WORDS=(fakebuild run --comm); COMP_CWORD=2; _fakebuild; echo "${COMPREPLY[*]}"' - \
		"$BATS_TEST_TMPDIR/completion"
	equal "--commit" "$output"
	run -0 bash -c 'source "$1"; COMP_WORDS=(fakebuild hist); COMP_CWORD=1; _fakebuild; echo "${COMPREPLY[*]}"' - \
		"$BATS_TEST_TMPDIR/completion"
	equal "history" "$output"
}

@test "zsh_completion_names_each_command" {
	run -0 fakebuild completion zsh
	[[ $output == "#compdef fakebuild"*"'run:"*"'gc:"* ]]
	if command -v zsh >/dev/null; then
		fakebuild completion zsh | zsh -n
	fi
}

@test "dockers_groups_of_commands" {
	export FAKEBUILD_ROOT=$BATS_TEST_TMPDIR/store
	for words in "image ls" "container ls" "system df" "image history --help" "buildx build --help"; do
		# shellcheck disable=SC2086
		run -0 fakebuild $words
	done
	run -2 --separate-stderr fakebuild image frob
	sentence "unknown command 'image frob', see 'fakebuild help'"
}
