#include <numeric>
#include <vector>

std::vector<int> numbers(int count)
{
	std::vector<int> all(count);
	std::iota(all.begin(), all.end(), 1);
	return all;
}
