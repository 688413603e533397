#include <rathole/src.hpp>
