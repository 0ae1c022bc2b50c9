#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() {
	use_store
	make_base || return 0
	fakebuild run --name box base:1 sh -c 'exit 4' || true
}
teardown_file() { remove_store; }

@test "columns_are_dockers" {
	run -0 fakebuild ps -a
	[[ ${lines[0]} =~ ^CONTAINER\ ID\ +IMAGE\ +COMMAND\ +CREATED\ +STATUS\ +NAMES$ ]]
	[[ ${lines[1]} =~ ^[0-9a-f]{12}\ +base:1\ +\"sh\ -c\ exit\ 4\"\ .*Exited\ \(4\)\ +box$ ]]
}

@test "unnamed_containers_do_not_stay" {
	fakebuild run base:1
	run -0 fakebuild ps -q
	equal 1 "${#lines[@]}"
}

@test "json" {
	run -0 fakebuild ps --format json
	[[ $output == '{"ID":"'*'"Names":"box"'*'}' ]]
}

@test "an_image_without_a_name_is_shown_by_its_id" {
	id=$(fakebuild images -q base:1)
	fakebuild run --name by-id "$id" true
	[[ $(fakebuild ps) =~ $id.*by-id ]]
	fakebuild rm by-id
}
