const isNumber = require('is-number');
console.log(`5 is ${isNumber(5) ? '' : 'not '}a number, says ${require('os').userInfo().username}`);
