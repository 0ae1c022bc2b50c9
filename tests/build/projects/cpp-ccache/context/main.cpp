#include <cstdlib>
#include <iostream>
#include <vector>

std::vector<int> numbers(int);

int main(int, char **arguments)
{
	const char *between = "";
	for (int number : numbers(std::atoi(arguments[1]))) {
		std::cout << between << number;
		between = " ";
	}
	std::cout << std::endl;
}
